"""What happens: events of cameras, wherever they come from."""
