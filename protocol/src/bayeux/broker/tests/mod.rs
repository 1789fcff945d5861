//! What holds for the broker as a whole.
