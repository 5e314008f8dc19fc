"""What runs, keeps and writes results, whatever they are results of: no physics."""
