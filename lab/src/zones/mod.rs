//! Zones: their directories, their services under SMF, and commands inside them.
