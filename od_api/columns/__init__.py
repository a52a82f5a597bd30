"""What a head predicts of each prior besides class and box."""
