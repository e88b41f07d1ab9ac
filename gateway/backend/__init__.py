"""The far side: the port that every driver implements, and the drivers."""
