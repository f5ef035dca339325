//! What operators see: traces, metrics, and the files in `deploy/` that use them.

mod collector;
mod deployed;
mod metrics;
mod page;
mod traces;
