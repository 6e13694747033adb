//! Any sequence of events, and a restarter that does what the machine says.

use jiff::Timestamp;
use proptest::prelude::*;

use super::machine::{Action, Event, Machine};
use crate::messages::ServiceState;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A restarter that does what the machine says.
#[derive(Debug, Default)]
struct Restarter {
    starting: bool,
    process: Option<u32>,
    waiting: bool,
    last: u32,
}

impl Restarter {
    fn obey(&mut self, action: Option<Action>) {
        match action {
            Some(Action::Start) => {
                assert!(!self.starting && self.process.is_none(), "a second process");
                self.starting = true;
            }
            Some(Action::Cancel) => {
                assert!(self.starting);
                self.starting = false;
            }
            Some(Action::Wait(_)) => self.waiting = true,
            Some(Action::Stop) => assert!(self.process.is_some(), "nothing to stop"),
            None => {}
        }
    }

    /// The event that a choice stands for, where it can happen now.
    fn event(&mut self, choice: u8) -> Option<Event> {
        Some(match choice {
            0 => Event::Boot,
            1 => Event::Shutdown,
            2 => Event::Abandon,
            3 => Event::Enable,
            4 => Event::Disable,
            5 => Event::Restart,
            6 => Event::Clear,
            7 | 8 if self.starting => {
                self.starting = false;
                self.last += 1;
                self.process = Some(self.last);
                Event::Started(self.last)
            }
            9 if self.starting || self.process.is_some() => {
                (self.starting, self.process) = (false, None);
                Event::Ended
            }
            10 if self.waiting => {
                self.waiting = false;
                Event::Due
            }
            _ => return None,
        })
    }
}

proptest! {
    #[test]
    fn there_is_never_more_than_one_process(choices in prop::collection::vec((0_u8..11, 0_i64..5), 0..200)) {
        let mut machine = Machine::new(true, at(0));
        let mut restarter = Restarter::default();
        let mut now = 0;
        for (choice, seconds) in choices {
            now += seconds;
            let Some(event) = restarter.event(choice) else { continue };
            let action = machine.handle(event, at(now));
            restarter.obey(action);
            prop_assert_eq!(machine.pid(), restarter.process);
        }
        // It goes down, and stays down.
        restarter.obey(machine.handle(Event::Disable, at(now)));
        while restarter.starting || restarter.process.is_some() {
            let event = restarter.event(9).unwrap();
            restarter.obey(machine.handle(event, at(now)));
        }
        prop_assert_eq!(machine.state(), ServiceState::Disabled);
        prop_assert!(machine.settled());
    }
}
