"""What happens without anybody asking: mail goes out, what has ended is tidied away."""
