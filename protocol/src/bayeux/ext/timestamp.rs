//! When a message was sent, as text.

use alloc::string::String;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment in milliseconds since 1970 as `Tue, 18 Nov 2025 10:00:00 GMT`.
#[must_use]
pub fn text(unix_millis: u64) -> String {
    let seconds = unix_millis / 1_000;
    let days = seconds / 86_400;
    let (year, month, day) = date(days);
    let mut text = String::from(name(&DAYS, days % 7));
    text.push_str(", ");
    digits(day, 2, &mut text);
    text.push(' ');
    text.push_str(name(&MONTHS, month));
    text.push(' ');
    digits(year, 4, &mut text);
    for (part, before) in [
        (seconds / 3_600 % 24, ' '),
        (seconds / 60 % 60, ':'),
        (seconds % 60, ':'),
    ] {
        text.push(before);
        digits(part, 2, &mut text);
    }
    text.push_str(" GMT");
    text
}

fn name(names: &[&'static str], at: u64) -> &'static str {
    let at = usize::try_from(at).unwrap_or_default();
    names.get(at).copied().unwrap_or_default()
}

/// Writes a number with so many digits at least: less code than formatting is, which a browser has to load.
fn digits(number: u64, least: usize, text: &mut String) {
    if number > 9 || least > 1 {
        digits(number / 10, least.saturating_sub(1), text);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// Year, month from 0, and day from 1, so many days after the first of 1970.
///
/// Years are counted from a first of March, so that a leap day is a year's last, and eras of 400 years are all alike.
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = 400 * era + year_of_era + if month < 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_browsers_write_them() {
        for (millis, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799_999, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800_000, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_763_460_000_000, "Tue, 18 Nov 2025 10:00:00 GMT"),
            (4_107_542_400_000, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (4_107_456_000_000, "Sun, 28 Feb 2100 00:00:00 GMT"),
        ] {
            assert_eq!(text(millis), expected);
        }
    }
}
