"""What each verb decides, from arguments and what is known of nodes and images. Pure: no await, clock or client."""
