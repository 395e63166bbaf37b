"""The cloud kind OpenNebula: oned's XML-RPC, read."""
