//! Load on a lab, and a log of everything that was acknowledged.
