//! Weaves mutants into sources: all of them at once, each behind a question
//! whether it is the one alive.
//!
//! ```text
//! sansocket-mutants LIST FROM TO SKIPPED
//! ```
//!
//! `LIST` is what `cargo mutants --list --json` prints, for the sources in the tree
//! `FROM`; they are written to the tree `TO`. A mutant's number is its place in the
//! list, from 1 on. `SKIPPED` is a file with the numbers to leave out, as they do not
//! compile. What is woven in stands between `/*<N*/` and `/*N>*/`, so that an error can
//! be told to be a mutant's. A mutant for which there is no place is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::{env, fs};

use proc_macro2::{LineColumn, Span};
use serde_json::Value;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr, ExprStruct, ImplItemFn, ItemFn, Member, TraitItemFn};

/// One change, as text that takes the place of other text.
#[derive(Clone)]
struct Mutant {
    number: u32,
    genre: String,
    range: Range<usize>,
    replacement: String,
}

/// A place that one mutant or several change.
enum Site {
    /// The beginning of a function's body, which the mutants return from.
    Body { start: usize, mutants: Vec<Mutant> },
    /// An expression with operators that are others in the mutants.
    Operators { range: Range<usize>, mutants: Vec<Mutant> },
    /// The end of an arm's pattern, or its guard: a mutant may drop the arm, or take
    /// the guard for true or false.
    Arm { range: Range<usize>, dropped: Option<Mutant>, taken: [Option<Mutant>; 2] },
    /// A field of a struct that the mutant takes from the base.
    Field {
        range: Range<usize>,
        name: String,
        value: Option<Range<usize>>,
        base: String,
        mutant: Mutant,
    },
}

impl Site {
    fn range(&self) -> Range<usize> {
        match self {
            Self::Body { start, .. } => *start..*start,
            Self::Operators { range, .. } | Self::Arm { range, .. } | Self::Field { range, .. } => {
                range.clone()
            }
        }
    }
}

struct Source {
    text: String,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl Source {
    fn new(text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { text, lines }
    }

    fn offset(&self, at: LineColumn) -> usize {
        let start = self.lines[at.line - 1];
        start + self.text[start..].chars().take(at.column).map(char::len_utf8).sum::<usize>()
    }

    fn range(&self, span: Span) -> Range<usize> {
        self.offset(span.start())..self.offset(span.end())
    }

    fn mutant(&self, number: u32, listed: &Value) -> Mutant {
        let number_of = |value: &Value| {
            value.as_u64().and_then(|number| number.try_into().ok()).unwrap_or_else(|| {
                panic!("not a line or column: {value}");
            })
        };
        let place = |end: &str| {
            let place = &listed["span"][end];
            let column: usize = number_of(&place["column"]) - 1;
            self.offset(LineColumn { line: number_of(&place["line"]), column })
        };
        Mutant {
            number,
            genre: listed["genre"].as_str().expect("a genre").to_owned(),
            range: place("start")..place("end"),
            replacement: listed["replacement"].as_str().expect("a replacement").to_owned(),
        }
    }
}

/// Looks for the mutants' places in the syntax.
struct Finder<'s> {
    source: &'s Source,
    mutants: &'s [Mutant],
    sites: Vec<Site>,
    found: BTreeSet<u32>,
    /// Whether the expression around is a part of the same operators.
    inside: bool,
}

impl Finder<'_> {
    /// The mutants of these genres that start at `start`, none twice.
    fn take(&mut self, genres: &[&str], start: usize) -> Vec<Mutant> {
        let found = &mut self.found;
        let mutants = self.mutants.iter().filter(|mutant| {
            mutant.range.start == start
                && genres.contains(&&*mutant.genre)
                && found.insert(mutant.number)
        });
        mutants.cloned().collect()
    }

    fn body(&mut self, block: &Block) {
        let Some(first) = block.stmts.first() else { return };
        let start = self.source.range(first.span()).start;
        let mutants = self.take(&["FnValue"], start);
        if !mutants.is_empty() {
            self.sites.push(Site::Body { start, mutants });
        }
    }

    fn operators(&mut self, expr: &Expr, mutants: &mut Vec<Mutant>) {
        let (operator, operands) = match expr {
            Expr::Binary(binary) => (binary.op.span(), [&binary.left, &binary.right].to_vec()),
            Expr::Unary(unary) => (unary.op.span(), vec![&unary.expr]),
            Expr::Cast(cast) => return self.operators(&cast.expr, mutants),
            _ => return,
        };
        let start = self.source.range(operator).start;
        mutants.extend(self.take(&["BinaryOperator", "UnaryOperator"], start));
        for operand in operands {
            self.operators(operand, mutants);
        }
    }

    /// Goes on with what is not a part of the operators around.
    fn apart(&mut self, visit: impl FnOnce(&mut Self)) {
        let inside = std::mem::replace(&mut self.inside, false);
        visit(self);
        self.inside = inside;
    }
}

/// Whether names are bound there that the code behind it uses.
fn binds(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.body(&item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.body(&item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.apart(|finder| visit::visit_block(finder, block));
    }

    // Operators in a row are one place: with another among them, precedence may
    // group them anew.
    fn visit_expr(&mut self, expr: &'ast Expr) {
        let operators = matches!(expr, Expr::Binary(_) | Expr::Unary(_) | Expr::Cast(_));
        let operators = operators && !binds(expr);
        if operators && !self.inside {
            let mut mutants = Vec::new();
            self.operators(expr, &mut mutants);
            if !mutants.is_empty() {
                let range = self.source.range(expr.span());
                self.sites.push(Site::Operators { range, mutants });
            }
        }
        let inside = std::mem::replace(&mut self.inside, operators);
        visit::visit_expr(self, expr);
        self.inside = inside;
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let pattern = self.source.range(arm.pat.span());
        let guard = arm.guard.as_ref().map(|(_, guard)| self.source.range(guard.span()));
        let dropped = self.take(&["MatchArm"], self.source.range(arm.span()).start).pop();
        let mut taken = [None, None];
        if let Some(guard) = &guard {
            for mutant in self.take(&["MatchArmGuard"], guard.start) {
                let which = usize::from(mutant.replacement == "true");
                taken[which] = Some(mutant);
            }
        }
        if dropped.is_some() || taken.iter().any(Option::is_some) {
            let range = guard.unwrap_or(pattern.end..pattern.end);
            self.sites.push(Site::Arm { range, dropped, taken });
        }
        self.apart(|finder| visit::visit_arm(finder, arm));
    }

    fn visit_expr_struct(&mut self, expr: &'ast ExprStruct) {
        if let Some(base) = &expr.rest {
            let base = self.source.text[self.source.range(base.span())].to_owned();
            for field in &expr.fields {
                let range = self.source.range(field.span());
                let Some(mutant) = self.take(&["StructField"], range.start).pop() else { continue };
                let name = match &field.member {
                    Member::Named(name) => name.to_string(),
                    Member::Unnamed(index) => index.index.to_string(),
                };
                let value = field.colon_token.map(|_| self.source.range(field.expr.span()));
                self.sites.push(Site::Field { range, name, value, base: base.clone(), mutant });
            }
        }
        self.apart(|finder| visit::visit_expr_struct(finder, expr));
    }
}

/// The number of the mutant alive, if it is one of these, as an expression.
fn alive(mutants: &[Mutant]) -> String {
    let numbers = mutants.iter().map(|mutant| mutant.number);
    let (first, last) = (numbers.clone().min().unwrap_or(0), numbers.max().unwrap_or(0));
    format!("crate::chosen::mutant({first}, {last})")
}

fn is_alive(mutant: &Mutant) -> String {
    marked(mutant, &format!("{} != 0", alive(std::slice::from_ref(mutant))))
}

fn marked(mutant: &Mutant, text: &str) -> String {
    let number = mutant.number;
    format!("/*<{number}*/{text}/*{number}>*/")
}

/// `text` from `range`, with what `sites` there make of it: the outer ones before
/// those inside.
fn woven(text: &str, range: Range<usize>, mut sites: &[Site]) -> String {
    let mut out = String::new();
    let mut at = range.start;
    while let [site, rest @ ..] = sites {
        let place = site.range();
        let (inside, after) =
            rest.split_at(rest.iter().take_while(|site| site.range().start < place.end).count());
        out += &text[at..place.start];
        out += &woven_site(text, site, inside);
        at = place.end;
        sites = after;
    }
    out + &text[at..range.end]
}

fn woven_site(text: &str, site: &Site, inside: &[Site]) -> String {
    let range = site.range();
    match site {
        Site::Body { mutants, .. } => {
            let arms = mutants.iter().map(|mutant| {
                let returned = marked(mutant, &format!("{{ return {}; }}", mutant.replacement));
                format!("{} => {returned} ", mutant.number)
            });
            format!("match {} {{ {}_ => {{}} }} ", alive(mutants), arms.collect::<String>())
        }
        Site::Operators { mutants, .. } => {
            let arms = mutants.iter().map(|mutant| {
                let (before, after) =
                    (&text[range.start..mutant.range.start], &text[mutant.range.end..range.end]);
                let changed = format!("{{ {before}{}{after} }}", mutant.replacement);
                format!("{} => {} ", mutant.number, marked(mutant, &changed))
            });
            let arms: String = arms.collect();
            format!(
                "(match {} {{ {arms}_ => {{ {} }} }})",
                alive(mutants),
                woven(text, range, inside)
            )
        }
        Site::Arm { dropped, taken: [never, always], .. } => {
            let has_guard = !range.is_empty();
            let mut guard = format!("({})", woven(text, range, inside));
            if let Some(mutant) = never {
                guard = format!("(!({}) && {guard})", is_alive(mutant));
            }
            if let Some(mutant) = always {
                guard = format!("({} || {guard})", is_alive(mutant));
            }
            match dropped {
                None => guard,
                Some(mutant) if has_guard => format!("!({}) && {guard}", is_alive(mutant)),
                Some(mutant) => format!(" if !({})", is_alive(mutant)),
            }
        }
        Site::Field { name, value, base, mutant, .. } => {
            let value = match value {
                Some(value) => woven(text, value.clone(), inside),
                None => name.clone(),
            };
            let taken = marked(mutant, &format!("({base}).{name}"));
            format!("{name}: if {} {{ {taken} }} else {{ {value} }}", is_alive(mutant))
        }
    }
}

fn main() {
    let [list, from, to, skipped] =
        env::args().skip(1).collect::<Vec<_>>().try_into().expect("LIST FROM TO SKIPPED");
    let read = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let listed: Vec<Value> = serde_json::from_str(&read(list.as_ref())).expect("a list");
    let skipped: BTreeSet<u32> = read(skipped.as_ref())
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    let mut files = BTreeMap::<&str, Vec<(u32, &Value)>>::new();
    for (number, mutant) in (1..).zip(&listed) {
        files.entry(mutant["file"].as_str().expect("a path")).or_default().push((number, mutant));
    }
    for (file, mutants) in files {
        let source = Source::new(read(&Path::new(&from).join(file)));
        let mutants: Vec<_> = mutants
            .into_iter()
            .filter(|(number, _)| !skipped.contains(number))
            .map(|(number, mutant)| source.mutant(number, mutant))
            .collect();
        let mut finder = Finder {
            source: &source,
            mutants: &mutants,
            sites: Vec::new(),
            found: BTreeSet::new(),
            inside: false,
        };
        finder.visit_file(&syn::parse_file(&source.text).expect("the source parses"));
        let mut sites = finder.sites;
        sites.sort_by_key(|site| {
            let Range { start, end } = site.range();
            (start, start != end, usize::MAX - end)
        });
        let text = woven(&source.text, 0..source.text.len(), &sites);
        fs::write(Path::new(&to).join(file), text).expect("a tree to write to");
    }
}
