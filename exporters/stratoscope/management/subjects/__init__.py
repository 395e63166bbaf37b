"""What each class of answers shows, one file each."""
