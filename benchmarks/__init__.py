"""What is measured, each printing ratios against a reference in the same run."""
