//! The states of an SMF instance, and what moves it from one to another. Pure: the runner does what it says.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::messages::ServiceState;

/// A process that lives for less long than this died quickly.
const QUICK: SignedDuration = SignedDuration::from_secs(3);
/// As many quick deaths in a row put an instance into maintenance, as three failures of a start method do in SMF.
const QUICK_DEATHS: u32 = 3;
/// The time for which the restarter waits after a quick death.
const PAUSE: Duration = Duration::from_millis(500);

/// An event: something that happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The zone boots.
    Boot,
    /// The zone shuts down.
    Shutdown,
    /// The zone's processes are about to be killed.
    Abandon,
    /// `svcadm enable`
    Enable,
    /// `svcadm disable`
    Disable,
    /// `svcadm restart`
    Restart,
    /// `svcadm clear`
    Clear,
    /// Its process has been started.
    Started(u32),
    /// Its process has ended, or could not be started.
    Ended,
    /// The time that the restarter waits is over.
    Due,
}

/// A thing to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start the process. [`Event::Started`] or [`Event::Ended`] follows.
    Start,
    /// Have [`Event::Due`] happen after this time.
    Wait(Duration),
    /// Do not go on with starting the process.
    Cancel,
    /// End the process. [`Event::Ended`] follows.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Starting,
    Running {
        pid: u32,
        since: Timestamp,
    },
    /// Told to end; it is still there.
    Ending {
        pid: u32,
    },
    /// Died; not started again yet.
    Waiting,
    Maintenance,
}

/// One SMF instance.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    booted: bool,
    enabled: bool,
    phase: Phase,
    quick_deaths: u32,
    since: Timestamp,
}

impl Machine {
    /// An instance of a zone that is down.
    pub(crate) fn new(enabled: bool, now: Timestamp) -> Self {
        Self { booted: false, enabled, phase: Phase::Idle, quick_deaths: 0, since: now }
    }

    /// The state that `svcs` shows. While its process ends an instance counts as online: it may still do something.
    pub(crate) fn state(&self) -> ServiceState {
        match self.phase {
            Phase::Running { .. } | Phase::Ending { .. } => ServiceState::Online,
            Phase::Maintenance => ServiceState::Maintenance,
            Phase::Starting | Phase::Waiting => ServiceState::Offline,
            Phase::Idle if self.enabled => ServiceState::Offline,
            Phase::Idle => ServiceState::Disabled,
        }
    }

    /// The time at which it came into that state.
    pub(crate) fn since(&self) -> Timestamp {
        self.since
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self.phase {
            Phase::Running { pid, .. } | Phase::Ending { pid } => Some(pid),
            Phase::Idle | Phase::Starting | Phase::Waiting | Phase::Maintenance => None,
        }
    }

    /// Tells whether it runs at every boot.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Tells whether it is where it is going: nothing happens unless something happens to it.
    pub(crate) fn settled(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Running { .. } | Phase::Maintenance)
    }

    /// Moves on, and says what is to be done.
    pub(crate) fn handle(&mut self, event: Event, now: Timestamp) -> Option<Action> {
        let before = (self.state(), self.pid());
        let action = self.step(event, now);
        if (self.state(), self.pid()) != before {
            self.since = now;
        }
        action
    }

    fn step(&mut self, event: Event, now: Timestamp) -> Option<Action> {
        match event {
            Event::Boot => self.booted = true,
            Event::Shutdown => self.booted = false,
            Event::Abandon => return self.abandon(),
            Event::Enable => self.enabled = true,
            Event::Disable => self.enabled = false,
            Event::Restart => return self.restart(),
            Event::Clear => {
                if self.phase == Phase::Maintenance {
                    self.forget();
                }
            }
            Event::Started(pid) => return self.started(pid, now),
            Event::Ended => return self.ended(now),
            Event::Due => {
                if self.phase == Phase::Waiting {
                    self.phase = Phase::Idle;
                }
            }
        }
        self.follow()
    }

    /// Goes where it should be.
    fn follow(&mut self) -> Option<Action> {
        match (self.phase, self.booted && self.enabled) {
            (Phase::Idle, true) => {
                self.phase = Phase::Starting;
                Some(Action::Start)
            }
            (Phase::Starting, false) => {
                self.forget();
                Some(Action::Cancel)
            }
            (Phase::Running { pid, .. }, false) => {
                self.phase = Phase::Ending { pid };
                Some(Action::Stop)
            }
            (Phase::Waiting | Phase::Maintenance, false) => {
                self.forget();
                None
            }
            (Phase::Idle | Phase::Ending { .. }, _)
            | (
                Phase::Starting | Phase::Running { .. } | Phase::Waiting | Phase::Maintenance,
                true,
            ) => None,
        }
    }

    /// Back to the beginning; quick deaths are forgotten.
    fn forget(&mut self) {
        self.phase = Phase::Idle;
        self.quick_deaths = 0;
    }

    fn restart(&mut self) -> Option<Action> {
        match self.phase {
            Phase::Running { pid, .. } => {
                self.phase = Phase::Ending { pid };
                Some(Action::Stop)
            }
            Phase::Waiting => {
                self.phase = Phase::Idle;
                self.follow()
            }
            Phase::Idle | Phase::Starting | Phase::Ending { .. } | Phase::Maintenance => None,
        }
    }

    fn abandon(&mut self) -> Option<Action> {
        self.booted = false;
        match self.phase {
            Phase::Running { pid, .. } => {
                self.phase = Phase::Ending { pid };
                None
            }
            Phase::Starting => self.follow(),
            Phase::Idle | Phase::Ending { .. } => None,
            Phase::Waiting | Phase::Maintenance => {
                self.forget();
                None
            }
        }
    }

    fn started(&mut self, pid: u32, now: Timestamp) -> Option<Action> {
        self.phase = Phase::Running { pid, since: now };
        self.follow()
    }

    fn ended(&mut self, now: Timestamp) -> Option<Action> {
        let quick = match self.phase {
            Phase::Running { since, .. } => now.duration_since(since) < QUICK,
            Phase::Starting => true,
            Phase::Idle | Phase::Ending { .. } | Phase::Waiting | Phase::Maintenance => {
                self.forget();
                return self.follow();
            }
        };
        if !quick {
            self.forget();
            return self.follow();
        }
        self.quick_deaths += 1;
        if self.quick_deaths >= QUICK_DEATHS {
            self.phase = Phase::Maintenance;
            return None;
        }
        self.phase = Phase::Waiting;
        Some(Action::Wait(PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn running() -> Machine {
        let mut machine = Machine::new(true, at(0));
        assert_eq!(machine.handle(Event::Boot, at(0)), Some(Action::Start));
        assert_eq!(machine.handle(Event::Started(7), at(0)), None);
        machine
    }

    #[test]
    fn an_enabled_instance_starts_when_the_zone_boots() {
        let machine = running();
        assert_eq!((machine.state(), machine.pid()), (ServiceState::Online, Some(7)));
        let mut disabled = Machine::new(false, at(0));
        assert_eq!(disabled.handle(Event::Boot, at(0)), None);
        assert_eq!(disabled.state(), ServiceState::Disabled);
    }

    #[test]
    fn a_killed_process_is_started_again_at_once() {
        let mut machine = running();
        assert_eq!(machine.handle(Event::Ended, at(60)), Some(Action::Start));
        assert_eq!(machine.handle(Event::Started(8), at(61)), None);
        assert_eq!((machine.pid(), machine.since()), (Some(8), at(61)));
    }

    #[test]
    fn three_quick_deaths_are_maintenance_until_cleared() {
        let mut machine = running();
        for pid in [8, 9] {
            assert_eq!(machine.handle(Event::Ended, at(1)), Some(Action::Wait(PAUSE)));
            assert_eq!(machine.state(), ServiceState::Offline);
            assert_eq!(machine.handle(Event::Due, at(1)), Some(Action::Start));
            assert_eq!(machine.handle(Event::Started(pid), at(1)), None);
        }
        assert_eq!(machine.handle(Event::Ended, at(2)), None);
        assert_eq!(machine.state(), ServiceState::Maintenance);
        assert_eq!(machine.handle(Event::Enable, at(3)), None);
        assert_eq!(machine.handle(Event::Restart, at(3)), None);
        assert_eq!(machine.handle(Event::Clear, at(4)), Some(Action::Start));
        assert_eq!(machine.handle(Event::Ended, at(4)), Some(Action::Wait(PAUSE)));
    }

    #[test]
    fn a_long_life_makes_good_for_quick_deaths() {
        let mut machine = running();
        assert_eq!(machine.handle(Event::Ended, at(1)), Some(Action::Wait(PAUSE)));
        assert_eq!(machine.handle(Event::Due, at(1)), Some(Action::Start));
        machine.handle(Event::Started(8), at(1));
        assert_eq!(machine.handle(Event::Ended, at(10)), Some(Action::Start));
        machine.handle(Event::Started(9), at(10));
        assert_eq!(machine.handle(Event::Ended, at(11)), Some(Action::Wait(PAUSE)));
    }

    #[test]
    fn a_disabled_instance_is_online_until_its_process_is_gone() {
        let mut machine = running();
        assert_eq!(machine.handle(Event::Disable, at(1)), Some(Action::Stop));
        assert_eq!((machine.state(), machine.settled()), (ServiceState::Online, false));
        assert_eq!(machine.handle(Event::Ended, at(2)), None);
        assert_eq!((machine.state(), machine.since()), (ServiceState::Disabled, at(2)));
    }

    #[test]
    fn a_restart_is_a_stop_and_a_start() {
        let mut machine = running();
        assert_eq!(machine.handle(Event::Restart, at(1)), Some(Action::Stop));
        assert_eq!(machine.handle(Event::Restart, at(1)), None);
        assert_eq!(machine.handle(Event::Ended, at(1)), Some(Action::Start));
    }

    #[test]
    fn a_killed_zone_stays_down_until_it_boots() {
        let mut machine = running();
        assert_eq!(machine.handle(Event::Abandon, at(1)), None);
        assert_eq!(machine.handle(Event::Ended, at(1)), None);
        assert_eq!(machine.state(), ServiceState::Offline);
        assert_eq!(machine.handle(Event::Boot, at(2)), Some(Action::Start));
    }
}
