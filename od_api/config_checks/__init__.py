"""What training, evaluation and export would refuse, asked of them beforehand."""
