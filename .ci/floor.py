"""The oldest versions that pyproject.toml declares, of the package and of what its tests need, one a line for pip."""

import re
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    content = tomllib.load(file)
tested = {"pytest", "hypothesis", "mpmath"}
declared = [*content["project"]["dependencies"], *content["dependency-groups"]["test"]]
for requirement in dict.fromkeys(declared):
    name, floor = re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement).groups()
    if requirement in content["project"]["dependencies"] or name in tested:
        sys.stdout.write(f"{name}=={floor}\n")
