"""What a widget has in its kernel: arguments, cells, frames over the comm, DataFrames and pictures."""
