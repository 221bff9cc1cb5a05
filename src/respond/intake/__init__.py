"""What an event asks for, and what was missed."""
