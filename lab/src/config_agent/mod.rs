//! Renders the configuration files of a zone from what SAPI has for it.
