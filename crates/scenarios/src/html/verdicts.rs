//! The checks and the claims of a run, and how they came out.

use super::markup::{Id, Markup};
use super::words::Words;
use crate::findings::{Check, Claim, Outcome, Story, Verdict};

/// The table of claims, each with the checks that it rests on.
pub(super) fn claims(out: &mut Markup, claims: &[Claim], words: &Words) {
    out.fill("<h2 id=\"claims\">{}</h2>", &[&words.claims]);
    if claims.is_empty() {
        out.fill("<p class=\"mut\">{}</p>", &[&words.no_claims]);
        return;
    }
    out.fill("<p class=\"mut\">{}</p><table class=\"cards\"><thead><tr>", &[&words.claims_note]);
    for column in [words.verdict, words.claim, words.instead, words.because] {
        out.fill("<th scope=\"col\">{}</th>", &[&column]);
    }
    out.raw("</tr></thead><tbody>");
    for claim in claims {
        out.raw("<tr><td class=\"v\">").add(&badge(claim.verdict, words));
        out.fill("</td><td data-h=\"{}\">{} ({})</td>", &[&words.claim, &claim.says, &claim.id]);
        out.fill("<td data-h=\"{}\">{}</td>", &[&words.instead, &claim.instead]);
        out.fill("<td data-h=\"{}\"><ul class=\"links\">", &[&words.because]);
        for check in &claim.because {
            out.fill("<li><a href=\"#check-{}\">{}</a></li>", &[&Id(check), check]);
        }
        out.raw("</ul></td></tr>");
    }
    out.raw("</tbody></table>");
}

/// A verdict with its sign.
pub(super) fn badge(verdict: Verdict, words: &Words) -> Markup {
    let mut out = Markup::default();
    out.raw(match verdict {
        Verdict::Confirmed => "<span class=\"badge ok\">✓ ",
        // Red is for a check that failed: this is no failure.
        Verdict::Refuted => "<span class=\"badge part\">✗ ",
        Verdict::Partly => "<span class=\"badge part\">◐ ",
        Verdict::Skipped => "<span class=\"badge skp\">· ",
    });
    out.text(words.verdict(verdict)).raw("</span>");
    out
}

/// The table of checks, by their stories.
pub(super) fn checks(out: &mut Markup, stories: &[Story], words: &Words) {
    out.fill("<h2 id=\"checks\">{}</h2><table class=\"cards ck\"><thead><tr>", &[&words.checks]);
    for column in [words.outcome, words.check, words.expected, words.measured] {
        out.fill("<th scope=\"col\">{}</th>", &[&column]);
    }
    out.raw("</tr></thead>");
    for (number, story) in stories.iter().enumerate().filter(|(_, story)| !story.checks.is_empty())
    {
        out.fill("<tbody><tr><th colspan=\"4\" scope=\"rowgroup\"><a href=\"#story-{}\">{}</a>: {}</th></tr>",
            &[&number, &story.name, &story.says]);
        for check in &story.checks {
            self::check(out, check, words);
        }
        out.raw("</tbody>");
    }
    out.raw("</table>");
}

fn check(out: &mut Markup, check: &Check, words: &Words) {
    out.fill("<tr id=\"check-{}\"><td class=\"v\">", &[&Id(&check.id)]);
    match &check.outcome {
        Outcome::Ok => out.fill("<span class=\"badge ok\">✓ {}</span>", &[&words.ok]),
        Outcome::Failed => out.fill("<span class=\"badge bad\">✗ {}</span>", &[&words.failed]),
        Outcome::Skipped(_) => out.fill("<span class=\"badge skp\">· {}</span>", &[&words.skipped]),
    };
    out.fill("</td><td>{}</td>", &[&check.says]);
    if let Outcome::Skipped(why) = &check.outcome {
        out.fill("<td colspan=\"2\" class=\"mut\">{}</td></tr>", &[why]);
        return;
    }
    out.fill("<td data-h=\"{}\">{}</td>", &[&words.expected, &check.expected]);
    out.fill("<td data-h=\"{}\">{}", &[&words.measured, &check.measured]);
    if check.computed {
        out.fill(" {}", &[&words.computed]);
    }
    out.raw("</td></tr>");
}
