//! Pure: which ready task goes to which worker; see `scheduling/README.md`.

pub mod cordon;
pub mod problem;
pub mod share;
pub mod solve;
#[cfg(test)]
mod tests;
mod turns;
