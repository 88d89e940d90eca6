//! Prints the JSON Schema of stack files, as `cargo xtask generate` writes it.

fn main() {
    println!("{:#}", pilotlight::stack_file::json_schema());
}
