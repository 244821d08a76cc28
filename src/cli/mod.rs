//! The command line: clap types and help texts.
