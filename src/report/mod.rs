//! Text or JSON out. The only user of indicatif.
