"""The edge: real files, keyrings, clocks, networks. Adapters translate; they decide nothing."""
