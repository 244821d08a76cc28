//! Strict Tera: name and values to text. Never sees a secret.
