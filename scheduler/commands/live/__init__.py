"""What commands read from a live cluster and from registries, with the rights of whoever runs them."""
