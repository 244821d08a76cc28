//! Small charts in SVG. Each has a text that says the same, for whoever does not see it; colours say nothing alone.

use std::fmt::Write;

use super::super::page::escaped;

/// Height of the bars of days.
const HEIGHT: f64 = 40.0;
/// Width of one day.
const STEP: f64 = 8.0;

/// A day below this is drawn in the colour of failures: the availability that is promised.
const PROMISED: f64 = 0.995;

/// The share of each day that was well, the oldest first. A day without data is hatched, and never a bar. `label` says the same
/// in words.
pub(super) fn days(id: &str, label: &str, days: &[Option<f64>]) -> String {
    let width = STEP * days.len() as f64;
    let mut svg = opened(id, label, width, HEIGHT + 1.0, "days");
    for (at, day) in days.iter().enumerate() {
        let x = STEP * at as f64;
        match day {
            None => rect(&mut svg, x, HEIGHT - 4.0, STEP - 2.0, 4.0, "nodata"),
            Some(share) => {
                // The last tenth is what differs: it has half of the height.
                let share = share.clamp(0.0, 1.0);
                let tall = if share >= 0.9 { 0.5 + (share - 0.9) * 5.0 } else { share / 1.8 };
                let height = (tall * HEIGHT).max(2.0);
                rect(&mut svg, x, HEIGHT - height, STEP - 2.0, height, if share < PROMISED { "low" } else { "well" });
            }
        }
    }
    let _ = write!(svg, "<line x1=\"0\" y1=\"{HEIGHT}\" x2=\"{width}\" y2=\"{HEIGHT}\" class=\"axis\"/></svg>");
    svg
}

/// One bar of a value against a mark that it should not pass, both in the same unit. `label` says the same in words.
pub(super) fn bar(id: &str, label: &str, value: f64, mark: Option<f64>, largest: f64) -> String {
    let (width, height) = (200.0, 14.0);
    let scale = width / largest.max(f64::MIN_POSITIVE);
    let mut svg = opened(id, label, width, height, "bar");
    rect(&mut svg, 0.0, 0.0, width, height, "ground");
    let beyond = mark.is_some_and(|mark| value > mark);
    rect(&mut svg, 0.0, 2.0, (value * scale).clamp(1.0, width), height - 4.0, if beyond { "low" } else { "well" });
    if let Some(mark) = mark {
        let x = (mark * scale).clamp(0.0, width - 1.0);
        // Writing into a String does not fail.
        let _ = write!(svg, "<line x1=\"{x:.1}\" y1=\"0\" x2=\"{x:.1}\" y2=\"{height}\" class=\"mark\"/>");
    }
    svg.push_str("</svg>");
    svg
}

fn opened(id: &str, label: &str, width: f64, height: f64, class: &str) -> String {
    format!(
        "<svg class=\"{class}\" role=\"img\" aria-labelledby=\"{id}\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\"><title id=\"{id}\">{}</title>",
        escaped(label)
    )
}

fn rect(svg: &mut String, x: f64, y: f64, width: f64, height: f64, class: &str) {
    // Writing into a String does not fail.
    let _ =
        write!(svg, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_without_data_is_no_bar_and_a_bad_one_is_marked() {
        let svg = days("d1", "three days", &[None, Some(1.0), Some(0.9)]);
        assert_eq!(
            (svg.matches("nodata").count(), svg.matches("\"well\"").count(), svg.matches("\"low\"").count()),
            (1, 1, 1)
        );
        assert!(svg.contains("<title id=\"d1\">three days</title>") && svg.contains("role=\"img\""));
    }

    #[test]
    fn a_value_beyond_its_mark_is_marked_and_stays_in_the_frame() {
        let svg = bar("b", "a & b", 300.0, Some(26.0), 52.0);
        assert!(svg.contains("class=\"low\"") && svg.contains("width=\"200.0\" height=\"10.0\""), "{svg}");
        assert!(svg.contains("a &amp; b"));
        assert!(bar("b", "x", 20.0, Some(26.0), 52.0).contains("class=\"well\""));
    }
}
