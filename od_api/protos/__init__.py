"""Protocol buffer modules, compiled from /protos when the package is installed."""
