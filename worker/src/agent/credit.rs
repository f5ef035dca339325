//! How much the worker takes: as many attempts as it has cores, and none while it drains or its
//! scratch is nearly full.

use crate::config::Config;

/// What the controller was told last.
#[derive(Debug)]
pub(super) struct Credit {
    cores: u32,
    scratch_reserve_bytes: u64,
    told: u32,
}

impl Credit {
    /// Makes the credit of a worker that tells it with its Hello.
    pub fn new(config: &Config, free_scratch_bytes: Option<u64>) -> Self {
        let mut credit = Self {
            cores: config.cores,
            scratch_reserve_bytes: config.scratch_reserve_bytes,
            told: 0,
        };
        credit.told = credit.now(false, free_scratch_bytes);
        credit
    }

    /// Returns what the controller was told last.
    pub fn told(&self) -> u32 {
        self.told
    }

    /// Returns what the controller is to be told, if that changed.
    pub fn change(&mut self, is_draining: bool, free_scratch_bytes: Option<u64>) -> Option<u32> {
        let now = self.now(is_draining, free_scratch_bytes);
        (std::mem::replace(&mut self.told, now) != now).then_some(now)
    }

    fn now(&self, is_draining: bool, free_scratch_bytes: Option<u64>) -> u32 {
        // What is not known is no hindrance: a task that finds no room says so.
        let is_full = free_scratch_bytes.is_some_and(|free| free < self.scratch_reserve_bytes);
        match is_draining || is_full {
            true => 0,
            false => self.cores,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Controller;

    #[test]
    fn a_change_is_told_once() {
        let controller = Controller::Address("http://127.0.0.1:1".into());
        let mut config = Config::new(controller, "/tmp/x".into(), 4, 1);
        config.scratch_reserve_bytes = 100;
        let mut credit = Credit::new(&config, Some(100));
        assert_eq!(credit.told(), 4);
        assert_eq!(credit.change(false, None), None);
        assert_eq!(credit.change(false, Some(99)), Some(0));
        assert_eq!(credit.change(false, Some(99)), None);
        assert_eq!(credit.change(false, Some(100)), Some(4));
        assert_eq!(credit.change(true, Some(100)), Some(0));
    }
}
