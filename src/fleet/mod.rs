//! Many hosts at once: stages, limits, locks, the stop rule. The only async room.
