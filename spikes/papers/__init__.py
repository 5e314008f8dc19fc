"""Figures of the three papers, at this package's sizes: simulation beside theory beside what the paper shows."""

from spikes.papers.recipe import PAPERS, Paper, Recipe, Setting, find_paper
from spikes.papers.run import Reproduction, reproduce

__all__ = ["PAPERS", "Paper", "Recipe", "Reproduction", "Setting", "find_paper", "reproduce"]
