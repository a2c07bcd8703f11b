//! Macros of the whole crate, in one file and declared first, so that other files
//! open with their subject.

/// Turns the table of settings into the struct [`Settings`], its defaults, and the
/// rows that the option parser, `-h` and `stats settings` walk.
///
/// A row is one of two:
///
/// ```text
/// /// Help line, or several.
/// field: type = default, kind, "option", "stat key";      a setting of this server
/// "option", "stat key" = "value";                          known by name, not there yet
/// ```
///
/// An empty option: nothing on the command line sets it. An empty key: not shown.
///
/// [`Settings`]: crate::settings::Settings
macro_rules! settings {
    (@row [$(#[doc = $help:literal])+ $field:ident, $kind:expr] $option:literal, $stat:literal) => {
        Setting {
            option: $option,
            stat: $stat,
            help: &[$($help),+],
            set: Set::Field(|to, given| OptionType::set(&$kind, &mut to.$field, given)),
            show: |of| OptionType::show(&$kind, &of.$field),
            typed: |of| OptionType::typed(&$kind, &of.$field),
        }
    };
    (@row [] $option:literal, $stat:literal $(= $off:literal)?) => {
        Setting::absent($option, $stat, |_| String::from(concat!($($off)?)))
    };
    ($($(
        $(#[doc = $help:literal])+
        $field:ident: $ty:ty = $default:expr, $kind:expr,
    )? $option:literal, $stat:literal $(= $off:literal)?;)*) => {
        /// Everything an operator can choose, ready for use.
        #[derive(Debug)]
        pub struct Settings {
            $($($(#[doc = $help])+ pub $field: $ty,)?)*
            /// Remarks that did not stop the start: to standard error as they are.
            pub warnings: Vec<String>,
            /// Held while settings that belong together are changed or read.
            pub together: Together,
        }

        impl Default for Settings {
            fn default() -> Settings {
                Settings { $($($field: $default,)?)* warnings: Vec::new(), together: Together::default() }
            }
        }

        /// All rows, in the order of `stats settings`.
        pub(super) static SETTINGS: &[Setting] = &[$(
            settings!(@row [$($(#[doc = $help])+ $field, $kind)?] $option, $stat $(= $off)?)
        ),*];
    };
}

/// Writes a line to standard error, and never waits for its reader: see `sys::stderr`.
#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::sys::stderr::line(format_args!($($arg)*)) };
}
