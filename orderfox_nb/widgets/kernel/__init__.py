"""The kernel's side of widgets: arguments, cells, frames over the comm, DataFrames and pictures."""
