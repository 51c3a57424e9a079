//! What comes next, and when: derived from a snapshot.

use crate::domain::{Duration, EpochIndex, Milestone, Step, Time, TimeBand};
use crate::engine::{ChainReading, RentalSnapshot};

use super::attention::{Feed, is_stale};
use super::model::Model;

/// Something that will happen, or must have happened by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    pub name: String,
    /// The epoch, where the name alone may be misread.
    pub epoch: Option<EpochIndex>,
    pub at: TimeBand,
}

impl Upcoming {
    fn new(name: impl Into<String>, at: TimeBand) -> Upcoming {
        Upcoming {
            name: name.into(),
            epoch: None,
            at,
        }
    }

    fn of_epoch(self, epoch: Option<EpochIndex>) -> Upcoming {
        Upcoming { epoch, ..self }
    }

    fn exactly(name: impl Into<String>, at: Time) -> Upcoming {
        Upcoming::new(name, TimeBand::exactly(at))
    }
}

impl Model {
    fn reading(&self) -> Option<&ChainReading> {
        self.snapshot.chain.reading.as_ref()
    }

    /// The `PoC` to prepare for: the sprint's, or after its end the next one.
    fn next_start(&self) -> Option<(Option<EpochIndex>, TimeBand)> {
        let sprint = &self.snapshot.sprint;
        let reading = self.reading()?;
        if sprint.step == Step::Done
            && let Some((epoch, band)) = self.start_after(None)
        {
            return Some((Some(epoch), band));
        }
        Some((sprint.epoch, reading.poc_start.ahead()?))
    }

    /// The first start of a `PoC` to come, of a later epoch than this.
    fn start_after(&self, epoch: Option<EpochIndex>) -> Option<(EpochIndex, TimeBand)> {
        let mut stages = self.reading()?.stages.iter();
        stages.find_map(|stage| {
            let is_start = stage.milestone == Milestone::PocStart && Some(stage.epoch) > epoch;
            Some((stage.epoch, stage.at.ahead().filter(|_| is_start)?))
        })
    }

    /// The epoch whose `PoC` the sprint is for, or after its end the next one.
    pub fn next_epoch(&self) -> Option<EpochIndex> {
        let sprint = &self.snapshot.sprint;
        if sprint.step != Step::Done {
            return sprint.epoch;
        }
        self.next_start()?.0
    }

    /// When the registration must be there.
    fn deadline_band(&self) -> Option<TimeBand> {
        let reading = self.reading()?;
        let deadline = reading.registration_deadline;
        if let Some(band) = deadline.ahead() {
            return Some(band);
        }
        if self.snapshot.sprint.step != Step::Done {
            return None;
        }
        // As long before the next start as it was before the last.
        let (_, start) = self.next_start()?;
        let blocks = reading.poc_start.height.0.checked_sub(deadline.height.0)?;
        let before = reading.block_time? * i32::try_from(blocks).ok()?;
        Some(TimeBand {
            p10: start.p10 - before,
            p50: start.p50 - before,
            p90: start.p90 - before,
        })
    }

    /// When the registration must be there; 9 in 10 estimates are later.
    pub fn deadline(&self) -> Option<Time> {
        Some(self.deadline_band()?.p10)
    }

    /// When the sprint's `PoC` starts, unless it has.
    pub fn poc_start_ahead(&self) -> Option<TimeBand> {
        self.reading()?.poc_start.ahead()
    }

    /// When the sprint's `PoC` started, roughly: its height at the measured block time.
    pub fn poc_started(&self) -> Option<Time> {
        let reading = self.reading()?;
        let start = reading.poc_start.height;
        let blocks = reading.view.height.0.checked_sub(start.0)?;
        let block = reading.block_time?;
        Some(reading.at - block * i32::try_from(blocks).ok()?)
    }

    /// When it is time to rent.
    pub fn rent_at(&self) -> Option<Time> {
        let sprint = &self.snapshot.sprint;
        if sprint.step != Step::Done {
            return sprint.rent_at;
        }
        let (_, start) = self.next_start()?;
        Some(start.p50 - sprint.lead.length)
    }

    /// After this no boot is in time any more: half of the boots of the best offer would be late.
    pub fn latest_start(&self) -> Option<Time> {
        let sprint = &self.snapshot.sprint;
        let best = self.snapshot.offers.rows.first();
        let boot = best.map_or(sprint.lead.length, |row| row.boot.median);
        Some(self.deadline()? - boot)
    }

    /// The next milestones, in order.
    pub fn upcoming(&self) -> Vec<Upcoming> {
        let sprint = &self.snapshot.sprint;
        let mut all = Vec::new();
        all.extend(self.confirmation_end());
        match sprint.step {
            Step::Waiting | Step::Done => {
                all.extend(self.rent().into_iter().chain(self.proof()));
            }
            Step::Choosing => {
                let latest = self.latest_start();
                all.extend(latest.map(|at| Upcoming::exactly("rent by", at)));
                all.extend(self.proof());
            }
            Step::Renting | Step::Booting | Step::Warming => {
                let ready = self.snapshot.rental.as_ref().and_then(ready);
                all.extend(ready.map(|band| Upcoming::new("ready", band)));
                all.extend(self.proof());
            }
            Step::Registering | Step::Proving => all.extend(self.proof()),
            Step::Confirming | Step::Releasing => all.extend(self.next_proof()),
            Step::Serving => all.extend(self.lease()),
        }
        all.extend(self.release());
        if matches!(sprint.step, Step::Confirming | Step::Releasing) {
            all.extend(self.lease());
        }
        all.extend(self.upgrade());
        all.sort_by_key(|it| it.at.p50);
        all
    }

    /// The figures are old: clocks hold, remaining times do not.
    pub fn is_frozen(&self) -> bool {
        is_stale(self, Feed::Chain)
    }

    fn rent(&self) -> Option<Upcoming> {
        Some(Upcoming::exactly("rent", self.rent_at()?))
    }

    /// Registration, start and stages of the `PoC` that the countdown is for.
    fn proof(&self) -> Vec<Upcoming> {
        let step = self.snapshot.sprint.step;
        let registers = step <= Step::Registering || step == Step::Done;
        let mut all = Vec::new();
        let deadline = self.deadline_band().filter(|_| registers);
        all.extend(deadline.map(|band| Upcoming::new("register by", band)));
        let start = self.next_start();
        all.extend(start.map(|(epoch, band)| Upcoming::new("PoC", band).of_epoch(epoch)));
        if step != Step::Done {
            all.extend(self.stages());
        }
        all
    }

    /// Ends of generation and validation, and the weights.
    fn stages(&self) -> Vec<Upcoming> {
        let stages = self.reading().into_iter().flat_map(|it| &it.stages);
        let epoch = self.snapshot.sprint.epoch;
        let ours = stages.filter(|stage| Some(stage.epoch) == epoch);
        ours.filter_map(|stage| {
            let name = match stage.milestone {
                Milestone::PocGenerationEnd => "generation ends",
                Milestone::PocValidationEnd => "validation ends",
                Milestone::SetNewValidators => "weights",
                Milestone::PocStart
                | Milestone::PocValidationStart
                | Milestone::ClaimMoney
                | Milestone::InferenceValidationCutoff => return None,
            };
            Some(Upcoming::new(name, stage.at.ahead()?))
        })
        .collect()
    }

    /// While a `PoC` is being confirmed or released: its weights, and the next one.
    fn next_proof(&self) -> Vec<Upcoming> {
        let mut all = self.stages();
        if let Some((epoch, band)) = self.start_after(self.snapshot.sprint.epoch) {
            let rent_at = band.p50 - self.snapshot.sprint.lead.length;
            all.push(Upcoming::exactly("rent", rent_at));
            all.push(Upcoming::new("PoC", band).of_epoch(Some(epoch)));
        }
        all
    }

    fn release(&self) -> Option<Upcoming> {
        let sprint = &self.snapshot.sprint;
        let band = sprint
            .release_at
            .filter(|_| sprint.step < Step::Releasing)?;
        let name = if sprint.step == Step::Serving {
            "serving ends"
        } else {
            "release"
        };
        Some(Upcoming::new(name, band))
    }

    fn lease(&self) -> Option<Upcoming> {
        let rental = self.snapshot.rental.as_ref()?;
        Some(Upcoming::exactly("lease ends", rental.lease_until))
    }

    /// The end of the current phase of a confirmation `PoC`.
    fn confirmation_end(&self) -> Option<Upcoming> {
        let times = self.reading()?.confirmation_times?;
        let phases = [
            ("confirmation starts", times.generation),
            ("confirmation validation", times.validation),
            ("confirmation ends", times.end),
        ];
        let mut phases = phases.into_iter();
        phases.find_map(|(name, at)| Some(Upcoming::new(name, at.ahead()?)))
    }

    fn upgrade(&self) -> Option<Upcoming> {
        let upgrade = self.snapshot.chain.upgrade.as_ref()?;
        let name = format!("upgrade {}", upgrade.name);
        Some(Upcoming::new(name, upgrade.at.ahead()?))
    }
}

fn ready(rental: &RentalSnapshot) -> Option<TimeBand> {
    let boot = &rental.boot;
    let p50 = boot.ready_at?;
    Some(TimeBand {
        p10: boot.ready_from.unwrap_or(p50),
        p50,
        p90: boot.ready_by.unwrap_or(p50),
    })
}

/// Half of the width of a band, where it is worth saying.
pub fn uncertainty(band: TimeBand) -> Option<Duration> {
    const WORTH: Duration = Duration::seconds(30);
    let half = (band.p90 - band.p10) / 2;
    (half > WORTH).then_some(half)
}
