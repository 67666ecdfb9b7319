//! Jupyter kernels: discovery, launch, channels, the kernel keeper and its journal.
