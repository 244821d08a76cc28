//! One file per verb: the order of calls, nothing else.
