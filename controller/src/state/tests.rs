//! The store, the journal and the records together.

mod fixture;
mod journal;
mod power_loss;
