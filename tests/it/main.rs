//! Tests of the whole, one module per verb.

mod validate;
