"""Tells people who look at no console, by mail or webhook, of what stops their mail."""
