//! PromQL: what would give wrong or no verdicts.

use super::{Code, Explanation, Scaffold};

pub(super) const QUERIES: &[Explanation] = &[
    Explanation {
        code: Code::FilterOnTop,
        why: "`a < 1` gives the series that satisfy it and hides the others, so violations look like missing data. Fetch\nthe number and compare in the claim. The same further inside: `min(a == 1)` is 1 as long as any `a` is 1, and\n`count(a == 1)` is empty, not 0, where none is. `< bool` gives 1 or 0 and hides nothing: `min(a == bool 1)`,\n`sum(a == bool 1)`. `and` and `unless` hide series too: choose them by their labels.",
        scaffold: Scaffold::Expect,
        wrong: "- name: few-errors\n  query: sum(errors) < 5\n  is: 1",
        right: "- name: few-errors\n  query: sum(errors)\n  is: below 5",
    },
    Explanation {
        code: Code::QueryUnreadable,
        why: "Squall could not take the query apart. Prometheus may still answer it, but nobody can show that everything\nit rests on was seen: a claim over it can fail and never pass, and a safety stop over it ends the run before\nanything is done. `totals` and `minEvents` cannot use it. A bracket or a quote that is not closed is an error.",
        scaffold: Scaffold::Expect,
        wrong: "- name: cart-is-up\n  query: max(up\n  is: 1",
        right: "- name: cart-is-up\n  query: max(up)\n  is: 1",
    },
    Explanation {
        code: Code::TotalsNeedsCounters,
        why: "`totals` replaces each counter by its increase over the window, from raw samples and without extrapolation.\nSo the query is arithmetic over (aggregations of) plain counters: no `rate`, no `increase`, no range.",
        scaffold: Scaffold::Expect,
        wrong: "- name: few-errors\n  query: sum(increase(errors_total[30s]))\n  totals: at most 5",
        right: "- name: few-errors\n  query: sum(errors_total)\n  totals: at most 5",
    },
    Explanation {
        code: Code::RangeTooLong,
        why: "A query that looks back over 30 s still shows what was true 30 s ago, so it cannot confirm a change within\n5 s, and a total outage of 6 s is a small part of it. Use a shorter range, a gauge, or `totals`.",
        scaffold: Scaffold::Expect,
        wrong: "- name: errors-start\n  query: sum(rate(errors_total[30s]))\n  becomes: above 0\n  within: 5s\n  after: cut.start",
        right: "- name: errors-start\n  query: sum(rate(errors_total[2s]))\n  becomes: above 0\n  within: 5s\n  after: cut.start",
    },
    Explanation {
        code: Code::RangeTooShort,
        why: "A `rate` needs two samples in its range. With fewer than four scrape intervals it is empty now and then.\nThis is checked once the scrape interval is known.",
        scaffold: Scaffold::File,
        wrong: "",
        right: "",
    },
    Explanation {
        code: Code::NotForCounters,
        why: "`delta` ignores counter resets (a restart gave -1118 where 13 was true), and `increase` extrapolates, so it\nis almost never a whole number and `==` or `is: 3` does not hold. Use `totals`, or a bound.",
        scaffold: Scaffold::Expect,
        wrong: "- name: restarts\n  query: sum(delta(restarts_total[30s]))\n  is: 1",
        right: "- name: restarts\n  query: sum(restarts_total)\n  totals: 1",
    },
    Explanation {
        code: Code::QuantileTop,
        why: "`histogram_quantile` never exceeds the bound of the last finite bucket: with buckets up to 0.5 s the p99 is\n0.5 s while every request takes a minute. Count the requests below a bucket's bound instead.",
        scaffold: Scaffold::Expect,
        wrong: "- name: fast\n  query: histogram_quantile(0.99, sum by (le) (rate(t_bucket[10s])))\n  is: below 400ms",
        right: "- name: fast\n  query: sum(t_bucket{le=\"0.4\"}) / sum(t_count)\n  totals: at least 99%\n  minEvents: 300",
    },
    Explanation {
        code: Code::NotAggregated,
        why: "Without an aggregation the query may give several series, and every one of them must satisfy the claim, a\nstale one too. Say which you mean: `max(...)` for any, `min(...)` for all, `sum(...)`, `count(...)`.",
        scaffold: Scaffold::Expect,
        wrong: "- name: opens-somewhere\n  query: breaker_open\n  becomes: 1\n  within: 5s\n  after: cut.start",
        right: "- name: opens-somewhere\n  query: max(breaker_open)\n  becomes: 1\n  within: 5s\n  after: cut.start",
    },
    Explanation {
        code: Code::DenominatorZero,
        why: "Without traffic a ratio is 0/0, which is no number and makes the claim inconclusive; with a handful of events\nit is noise. `minEvents` says how many are enough: 0 errors in n events bound the rate by 3/n.",
        scaffold: Scaffold::Expect,
        wrong: "- name: customers-succeed\n  query: sum(ok_total) / sum(all_total)\n  totals: at least 99%",
        right: "- name: customers-succeed\n  query: sum(ok_total) / sum(all_total)\n  totals: at least 99%\n  minEvents: 300",
    },
    Explanation {
        code: Code::OrVectorZero,
        why: "`or vector(0)` answers 0 when the target is gone as well as when nothing happened. `absent: 0` believes the 0\nonly while the targets were scraped, and only of a metric that is known: a misspelt name is absent for ever.",
        scaffold: Scaffold::Expect,
        wrong: "- name: no-errors\n  query: sum(errors) or vector(0)\n  is: 0",
        right: "- name: no-errors\n  query: sum(errors)\n  is: 0\n  absent: 0",
    },
    Explanation {
        code: Code::AnotherTime,
        why: "`offset` and `@` make a query read another time than the one the claim speaks of: what was so before the\nfault says nothing of the fault. Such a claim can fail and never pass. What was usual before is the baseline's\nto say: `at most 150% of baseline`.",
        scaffold: Scaffold::Expect,
        wrong: "- name: few-errors\n  query: sum(rate(errors_total[10s] offset 5m))\n  is: at most 1",
        right: "- name: few-errors\n  query: sum(rate(errors_total[10s]))\n  is: at most 150% of baseline",
    },
    Explanation {
        code: Code::NoSeries,
        why: "A query without a single selector, such as `vector(1)` or `time()`, answers the same whatever becomes of the\nsystem, so nothing that is claimed of it says anything.",
        scaffold: Scaffold::Expect,
        wrong: "- name: cart-is-up\n  query: vector(1)\n  is: 1",
        right: "- name: cart-is-up\n  query: max(up)\n  is: 1",
    },
    Explanation {
        code: Code::TooFewEvents,
        why: "`minEvents` is smaller than what the bound needs. Zero failures in n events bound the rate of failures by 3/n:\nto show `at most 1%` takes 300 events, `at least 99.9%` 3000. With fewer, a claim is met by luck.",
        scaffold: Scaffold::Expect,
        wrong: "- name: customers-succeed\n  query: sum(ok_total) / sum(all_total)\n  totals: at least 99.9%\n  minEvents: 10",
        right: "- name: customers-succeed\n  query: sum(ok_total) / sum(all_total)\n  totals: at least 99.9%\n  minEvents: 3000",
    },
];
