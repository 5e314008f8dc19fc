"""What a computer measures: it imports the statement of a problem, quadrature nodes, and no formula."""
