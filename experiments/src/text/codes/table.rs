//! Every code with its severity and title.

use crate::text::Severity;
use std::fmt;

macro_rules! codes {
    ($($variant:ident $id:literal $severity:ident $title:literal)*) => {
        /// What kind of problem it is; stable, and explained by [`explain`](super::explain).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it is shown.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// How bad it is, unless said otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it is about, in a line.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    Empty "SQ0001" Error "the file is empty"
    Binary "SQ0002" Error "the file is binary"
    NotUtf8 "SQ0003" Error "the file is not UTF-8 text"
    TooLarge "SQ0004" Error "the file is too large"
    Syntax "SQ0005" Error "the text is not YAML"
    TooDeep "SQ0006" Error "the text is nested too deeply"
    Anchor "SQ0007" Error "YAML anchors and aliases are refused"
    Tag "SQ0008" Error "YAML tags are refused"
    DuplicateKey "SQ0009" Error "a key is given twice"
    Symbol "SQ0010" Error "conditions are written in words"
    QueryInBraces "SQ0011" Error "a query does not fit in braces"
    HoleInBraces "SQ0012" Error "`${...}` in braces needs quotes"
    NeedsQuotes "SQ0013" Error "a text needs quotes"
    NotABoolean "SQ0014" Error "a truth value is `true` or `false`"

    UnknownKey "SQ0101" Error "there is no such key"
    MissingKey "SQ0102" Error "a key is missing"
    WrongShape "SQ0103" Error "a map, a list or a single value is expected"
    OneOf "SQ0104" Error "exactly one must be chosen"
    UnknownWord "SQ0105" Error "there is no such word"
    UnknownKind "SQ0106" Error "there is no such kind of document"
    EmptyValue "SQ0107" Error "nothing is written where something is needed"
    DuplicateDocument "SQ0108" Error "two documents have one kind and one name"
    TooMany "SQ0109" Error "there is too much in one experiment"

    BadName "SQ0201" Error "not a name"
    BadLength "SQ0202" Error "not a length of time"
    BadNumber "SQ0203" Error "not a number"
    BadPredicate "SQ0204" Error "not a condition"
    BadInstant "SQ0205" Error "not an instant"
    BadValue "SQ0206" Error "the value does not fit"

    DuplicateName "SQ0301" Error "a name is given twice"
    ReservedName "SQ0302" Error "the name is reserved"
    UnknownStep "SQ0303" Error "there is no such step"
    UnknownIndicator "SQ0304" Error "there is no such indicator"
    ParameterMissing "SQ0305" Error "a parameter has no value"
    UnknownParameter "SQ0306" Error "there is no such parameter"
    UnknownHole "SQ0307" Error "`${...}` names nothing"
    HoleNotHere "SQ0308" Error "this `${...}` cannot stand here"
    NotKnownYet "SQ0309" Error "the value is not known yet"
    UnusedParameter "SQ0310" Warning "a parameter is not used"
    UnusedIndicator "SQ0311" Warning "an indicator is not used"

    StepNeedsName "SQ0401" Error "the step needs a name"
    KeyNotHere "SQ0402" Error "the key does not belong here"
    Lasting "SQ0403" Error "how long a step lasts"
    EveryNotHere "SQ0404" Error "`every` repeats what happens at once"
    HowToUndo "SQ0405" Error "an action says how it is undone"
    WitnessNotHere "SQ0406" Error "a witness needs something that lasts"
    StepsTooDeep "SQ0407" Error "steps nest at most three deep"
    NoEffect "SQ0408" Error "the fault does nothing, or contradicts itself"
    ZoneLossInto "SQ0409" Error "`zoneLoss` is aimed by platform and zone"
    PrepareStep "SQ0410" Error "`prepare` holds actions that last the whole run"
    TooSmall "SQ0411" Warning "the fault is too small to be noticed"

    OneSource "SQ0501" Error "exactly one source"
    OneVerb "SQ0502" Error "exactly one of `is`, `becomes` and `totals`"
    TimesNotHere "SQ0503" Error "a time that this kind of claim does not have"
    TimesMissing "SQ0504" Error "a time is missing"
    EmptyWindow "SQ0505" Error "the window is empty"
    UntilTooEarly "SQ0506" Error "`until` comes before the deadline"
    OneShotWindow "SQ0507" Error "something that happens at once has no window"
    BeforeMethod "SQ0508" Error "the instant lies before the method"
    DeadlineTooShort "SQ0509" Error "the deadline is shorter than three samples"
    Tolerance "SQ0510" Error "a tolerance that allows nothing"
    TextCondition "SQ0511" Error "the source gives numbers, not text"
    BaselineNotHere "SQ0512" Error "there is no baseline to compare with"
    MinEventsNotHere "SQ0513" Error "`minEvents` counts a ratio's denominator"
    AbsentNotHere "SQ0514" Error "`absent` is about queries"
    NotAnAction "SQ0515" Error "`step` names an action"
    SamplingNotHere "SQ0516" Error "`every` is for sources that are asked"
    CannotFail "SQ0517" Error "the claim cannot fail"
    TooEarly "SQ0518" Warning "the claim looks before anything has come of the step"

    FilterOnTop "SQ0601" Error "a query must give numbers, not filter them"
    QueryUnreadable "SQ0602" Warning "the coverage of the query cannot be shown"
    TotalsNeedsCounters "SQ0603" Error "`totals` adds up plain counters"
    RangeTooLong "SQ0604" Warning "the query looks back further than the deadline or the window"
    RangeTooShort "SQ0605" Warning "the query's range holds too few scrapes"
    NotForCounters "SQ0606" Warning "exact arithmetic on a counter's increase"
    QuantileTop "SQ0607" Warning "a quantile cannot exceed its last bucket"
    NotAggregated "SQ0608" Warning "the query may give several series"
    DenominatorZero "SQ0609" Warning "the ratio has no value without events"
    OrVectorZero "SQ0610" Warning "`or vector(0)` hides missing data"
    AnotherTime "SQ0611" Warning "the query reads another time"
    NoSeries "SQ0612" Error "the query asks for no series"
    TooFewEvents "SQ0613" Warning "too few events for the bound"

    UnknownNode "SQ0701" Error "there is no such node"
    DuplicateEntry "SQ0702" Error "an entry is given twice"
    NothingToHold "SQ0703" Error "nothing to take hold of"

    NoSteadyState "SQ0801" Warning "no steady state"
    OnlySymptoms "SQ0802" Warning "only symptoms are claimed"
    NoFault "SQ0803" Warning "nothing is injected"

    NotYet "SQ0901" Note "read, but not yet carried out"
}

impl Code {
    /// Finds a code by the way it is shown; letter case and leading zeros do not matter.
    pub fn find(text: &str) -> Option<Self> {
        let digits = |text: &str| text.trim().to_ascii_uppercase().strip_prefix("SQ")?.parse::<u32>().ok();
        let wanted = digits(text)?;
        Self::ALL.iter().copied().find(|code| digits(code.id()) == Some(wanted))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}
