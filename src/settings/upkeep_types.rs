//! Types of the options that say how memory is looked after: those of the LRU, the crawler
//! and the page mover. Commands set most of them while the server runs, too.

use super::given::Given;
use super::live::Live;
use super::numbers;
use super::option_types::{OptionType, yes_no};
use super::refusal::Refusal;
use crate::sys::exit_code::FAILURE;

/// As `Switch`, for what can be switched while running.
pub(super) struct LiveSwitch;

impl OptionType<Live<bool>> for LiveSwitch {
    fn set(&self, field: &mut Live<bool>, given: &Given<'_>) -> Result<(), Refusal> {
        field.set(!given.name.starts_with("no_"));
        Ok(())
    }

    fn show(&self, field: &Live<bool>) -> String {
        yes_no(field.get())
    }
}

/// When the page mover moves pages by itself.
pub(super) struct Automove;

impl OptionType<Live<u32>> for Automove {
    fn set(&self, field: &mut Live<u32>, given: &Given<'_>) -> Result<(), Refusal> {
        // Without a value the name alone asks for 1.
        match given.value.map_or(1, |_| given.int()) {
            mode @ 0..=2 => field.set(mode.unsigned_abs()),
            _ => {
                return Err(Refusal::new(
                    FAILURE,
                    "slab_automove must be between 0 and 2",
                ));
            }
        }
        Ok(())
    }

    fn show(&self, field: &Live<u32>) -> String {
        field.get().to_string()
    }
}

/// A whole number within a range, read leniently.
pub(super) struct Within {
    /// What is missing if there is no value.
    pub missing: &'static str,
    /// What is allowed.
    pub range: std::ops::RangeInclusive<i32>,
    /// The complaint about anything else.
    pub complaint: &'static str,
}

impl OptionType<Live<u32>> for Within {
    fn set(&self, field: &mut Live<u32>, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs(self.missing)?;
        let number = given.int();
        if !self.range.contains(&number) {
            return Err(Refusal::new(FAILURE, self.complaint));
        }
        field.set(number.unsigned_abs());
        Ok(())
    }

    fn show(&self, field: &Live<u32>) -> String {
        field.get().to_string()
    }
}

/// A number with two decimals, above 0.
pub(super) struct Above0 {
    /// What is missing if there is no value.
    pub missing: &'static str,
    /// The most that is allowed.
    pub most: f64,
    /// The complaint about anything else.
    pub complaint: &'static str,
}

impl OptionType<Live<f64>> for Above0 {
    fn set(&self, field: &mut Live<f64>, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs(self.missing)?;
        let number = numbers::atof(&given.text());
        if number > 0.0 && number <= self.most {
            field.set(number);
            return Ok(());
        }
        Err(Refusal::new(FAILURE, self.complaint))
    }

    fn show(&self, field: &Live<f64>) -> String {
        format!("{:.2}", field.get())
    }
}

/// How many items of each class a crawl looks at, 0 for all.
pub(super) struct ToCrawl;

impl OptionType<Live<u32>> for ToCrawl {
    fn set(&self, field: &mut Live<u32>, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs("lru_crawler_tocrawl value")?;
        let complaint = "lru_crawler_tocrawl takes a numeric 32bit value";
        let number = numbers::strict_u32(&given.text());
        field.set(number.ok_or_else(|| Refusal::new(FAILURE, complaint))?);
        Ok(())
    }

    fn show(&self, field: &Live<u32>) -> String {
        field.get().to_string()
    }
}

/// What life is short enough for a temporary item.
pub(super) struct Seconds(pub &'static str);

impl OptionType<Live<u32>> for Seconds {
    fn set(&self, field: &mut Live<u32>, given: &Given<'_>) -> Result<(), Refusal> {
        given.needs(self.0)?;
        field.set(given.int().cast_unsigned());
        Ok(())
    }

    fn show(&self, field: &Live<u32>) -> String {
        field.get().to_string()
    }
}
