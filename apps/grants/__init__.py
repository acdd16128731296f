"""What stands above every rule for a while: legal holds on datasets."""
