//! The forty hostile behaviours that the host is held against, and where. `plugins/security.md` shows this table.

/// One of them.
pub(crate) struct Behaviour {
    /// Its number, for whoever speaks of it.
    pub(crate) number: usize,
    /// What the connector, its package or its server does.
    pub(crate) does: &'static str,
    /// What comes of it.
    pub(crate) comes_of_it: &'static str,
    /// Where that is held: file and function.
    pub(crate) held_by: &'static [&'static str],
}

/// All of them. After each that runs, the next connector on the same host is read to its end.
pub(crate) const FORTY: &[Behaviour] = &[
    Behaviour {
        number: 1,
        does: "a loop without end in a call",
        comes_of_it: "incomplete at the limit of processor time or wall time",
        held_by: &["host/connectors/tests/hostile/guests.rs::a_guest_that_computes_for_ever"],
    },
    Behaviour {
        number: 2,
        does: "a loop without end in the start function",
        comes_of_it: "permanent, within the same limits: they are in force before anything of it runs",
        held_by: &["host/connectors/tests/hostile/bounds.rs::a_start_function_that_never_ends"],
    },
    Behaviour {
        number: 3,
        does: "a loop without end in a destructor",
        comes_of_it: "never runs: the instance is thrown away with all that is in it",
        held_by: &["host/connectors/tests/hostile/bounds.rs::a_destructor_that_never_ends_never_runs"],
    },
    Behaviour {
        number: 4,
        does: "memory without end",
        comes_of_it: "incomplete: memory is denied, and the limit is named",
        held_by: &["host/connectors/tests/hostile/guests.rs::a_guest_that_hoards_memory"],
    },
    Behaviour {
        number: 5,
        does: "several memories, each within the limit",
        comes_of_it: "incomplete: they count together",
        held_by: &["host/connectors/tests/hostile/bounds.rs::several_memories_are_one"],
    },
    Behaviour {
        number: 6,
        does: "a huge memory or table from the start",
        comes_of_it: "permanent: there is no instance",
        held_by: &["host/connectors/tests/hostile/bounds.rs::a_huge_memory_or_table_from_the_start"],
    },
    Behaviour {
        number: 7,
        does: "a table that grows without end",
        comes_of_it: "incomplete: 200,000 elements",
        held_by: &["host/connectors/tests/hostile/bounds.rs::a_table_that_grows_for_ever"],
    },
    Behaviour {
        number: 8,
        does: "a stack without end",
        comes_of_it: "incomplete: a crash, of its own stack or of the machine's",
        held_by: &[
            "host/connectors/tests/hostile/guests.rs::a_guest_that_crashes",
            "host/connectors/tests/hostile/bounds.rs::the_stack_of_the_machine_ends",
        ],
    },
    Behaviour {
        number: 9,
        does: "filling all memory again and again",
        comes_of_it: "incomplete at the limit of processor time, one instruction late",
        held_by: &["host/connectors/tests/hostile/bounds.rs::filling_all_memory_again_and_again"],
    },
    Behaviour {
        number: 10,
        does: "an answer of 96 MiB, or of millions of empty texts",
        comes_of_it: "incomplete: counted by what it takes here",
        held_by: &[
            "host/connectors/tests/hostile/guests.rs::a_guest_that_hands_over_nonsense",
            "host/connectors/tests/hostile/values.rs::many_small_texts_and_users_are_counted_by_what_they_take_here",
        ],
    },
    Behaviour {
        number: 11,
        does: "lists beyond the memory, askew, or with an overflow",
        comes_of_it: "incomplete: a crash",
        held_by: &["host/connectors/tests/hostile/values.rs::lists_that_are_not_in_the_memory"],
    },
    Behaviour {
        number: 12,
        does: "texts that are no UTF-8, halves of UTF-16",
        comes_of_it: "incomplete: a crash",
        held_by: &["host/connectors/tests/hostile/values.rs::texts_that_are_none"],
    },
    Behaviour {
        number: 13,
        does: "cases that a variant does not have",
        comes_of_it: "incomplete: a crash; the contract has no `char`, and a `bool` is true for any byte but 0",
        held_by: &["host/connectors/tests/hostile/values.rs::cases_that_there_are_not"],
    },
    Behaviour {
        number: 14,
        does: "forged, foreign or twice dropped handles",
        comes_of_it: "incomplete: a crash",
        held_by: &["host/connectors/tests/hostile/values.rs::handles_that_were_never_given"],
    },
    Behaviour {
        number: 15,
        does: "a flood of handles",
        comes_of_it: "incomplete: 1,000 are open at a time",
        held_by: &[
            "host/connectors/tests/hostile/bounds.rs::a_flood_of_handles",
            "host/connectors/tests/it/http.rs::handles_are_bounded",
        ],
    },
    Behaviour {
        number: 16,
        does: "sleeping for ever",
        comes_of_it: "incomplete at the limit of wall time",
        held_by: &["host/connectors/tests/hostile/guests.rs::a_guest_that_sleeps_for_ever"],
    },
    Behaviour {
        number: 17,
        does: "odd ways to write an address",
        comes_of_it: "refused; no server hears of it",
        held_by: &[
            "host/connectors/tests/it/elsewhere.rs::odd_addresses_lead_nowhere",
            "host/net/src/origin.rs::what_is_not_granted_is_refused",
        ],
    },
    Behaviour {
        number: 18,
        does: "redirects to other hosts, metadata and other schemes",
        comes_of_it: "an answer: nobody follows it, nothing goes along",
        held_by: &[
            "host/connectors/tests/it/elsewhere.rs::a_redirect_takes_nothing_along",
            "tests/e2e/refusals.rs::the_bearer_goes_to_no_other_host",
        ],
    },
    Behaviour {
        number: 19,
        does: "names that resolve to private or metadata addresses, or to others the next time",
        comes_of_it: "refused before anybody connects; what was checked is what is connected to",
        held_by: &[
            "host/net/src/http_tests.rs::a_name_that_leads_elsewhere_the_next_time_leads_nowhere",
            "host/net/src/resolver.rs::only_addresses_that_pass_come_out",
            "host/net/src/address.rs::metadata_is_never_reached",
        ],
    },
    Behaviour {
        number: 20,
        does: "servers that drip, never end, send thousands of headers or a compressed bomb",
        comes_of_it: "transient or refused, within the limits of time and size",
        held_by: &[
            "host/net/src/http_tests.rs::nobody_waits_for_ever",
            "host/net/src/http_tests.rs::too_many_headers_are_refused",
            "host/net/src/http_tests.rs::a_compressed_bomb_is_counted_unpacked",
        ],
    },
    Behaviour {
        number: 21,
        does: "thousands of requests",
        comes_of_it: "refused at the limit `requests`; there are none in parallel, a call waits for its answer",
        held_by: &["host/connectors/tests/hostile/guests.rs::a_guest_that_asks_without_end"],
    },
    Behaviour {
        number: 22,
        does: "headers that frame or redirect the message, or carry credentials",
        comes_of_it: "refused; no server hears of it",
        held_by: &[
            "host/connectors/tests/it/elsewhere.rs::headers_that_are_the_hosts_own_are_not_sent",
            "host/net/src/http_tests.rs::what_must_not_leave_is_refused",
        ],
    },
    Behaviour {
        number: 23,
        does: "a flood of log lines, escape sequences, forged lines",
        comes_of_it: "cut, counted, tamed, and without what may name a person",
        held_by: &[
            "host/connectors/tests/hostile/guests.rs::a_flood_of_log_lines_is_cut_and_harms_nobody",
            "host/connectors/src/words.rs::text_of_a_guest_is_tamed",
            "host/connectors/src/words.rs::a_line_of_the_log_names_nobody",
        ],
    },
    Behaviour {
        number: 24,
        does: "giving a secret away",
        comes_of_it: "there is none in the guest",
        held_by: &[
            "host/connectors/tests/it/http.rs::no_secret_is_ever_in_the_guests_memory",
            "tests/e2e/secrets.rs::a_canary_is_found_nowhere",
        ],
    },
    Behaviour {
        number: 25,
        does: "a server that gives the token back",
        comes_of_it: "denied: the run ends before the guest sees it",
        held_by: &[
            "host/connectors/tests/it/http.rs::a_token_that_comes_back_ends_the_run_as_denied",
            "host/net/src/login_tests.rs::an_echo_of_token_or_secret_ends_the_run",
        ],
    },
    Behaviour {
        number: 26,
        does: "a crash after some pages",
        comes_of_it: "incomplete: nobody who was not read is taken for gone",
        held_by: &[
            "host/connectors/tests/hostile/guests.rs::a_guest_that_crashes",
            "tests/e2e/guard.rs::a_listing_broken_at_any_page_deletes_nothing",
        ],
    },
    Behaviour {
        number: 27,
        does: "pages without end, empty ones, the same place twice",
        comes_of_it: "incomplete",
        held_by: &["host/connectors/tests/hostile/guests.rs::a_guest_that_never_ends"],
    },
    Behaviour {
        number: 28,
        does: "the same id twice, an empty or endless one, control characters",
        comes_of_it: "incomplete; of the same id twice the last one counts",
        held_by: &[
            "host/connectors/tests/hostile/guests.rs::a_guest_that_hands_over_nonsense",
            "host/connectors/src/page.rs::malformed_pages_are_refused",
            "tests/e2e/refusals.rs::odd_pages_are_read_as_graph_means_them",
        ],
    },
    Behaviour {
        number: 29,
        does: "importing what is not granted",
        comes_of_it: "invalid, before it is compiled",
        held_by: &[
            "host/connectors/tests/hostile/bounds.rs::what_the_manifest_does_not_ask_for_is_not_given",
            "host/connectors/tests/it/packages.rs::another_contract_is_named",
        ],
    },
    Behaviour {
        number: 30,
        does: "made for another contract",
        comes_of_it: "invalid, with both versions",
        held_by: &["host/connectors/tests/it/packages.rs::another_contract_is_named"],
    },
    Behaviour {
        number: 31,
        does: "a cut file, an empty one, a module, machine code, 32 MiB",
        comes_of_it: "invalid, before it is compiled",
        held_by: &[
            "host/connectors/tests/it/packages.rs::a_truncated_package_is_refused",
            "host/connectors/tests/it/packages.rs::what_is_no_connector_is_refused",
            "host/connectors/tests/it/packages.rs::machine_code_is_refused",
        ],
    },
    Behaviour {
        number: 32,
        does: "a bit that was flipped",
        comes_of_it: "another digest; never a panic",
        held_by: &[
            "host/connectors/tests/hostile/bombs.rs::a_flipped_bit_is_another_package",
            "host/connectors/tests/hostile/bombs.rs::a_flipped_bit_breaks_no_compiler",
        ],
    },
    Behaviour {
        number: 33,
        does: "code that takes the compiler for ever, or all memory",
        comes_of_it: "invalid: the process that compiles it ends at its limits, and this one says so",
        held_by: &[
            "tests/e2e/admission.rs::a_compile_bomb_ends_its_own_process_and_no_other",
            "host/connectors/src/compile.rs::however_the_child_ends_it_is_an_answer",
        ],
    },
    Behaviour {
        number: 34,
        does: "machine code changed on disk",
        comes_of_it: "compiled again: it is loaded only where its authentication verifies",
        held_by: &["host/connectors/tests/it/cache.rs::an_entry_is_used_again_and_not_when_it_was_touched"],
    },
    Behaviour {
        number: 35,
        does: "ending itself",
        comes_of_it: "incomplete: it ends itself and nobody else",
        held_by: &["host/connectors/tests/hostile/guests.rs::a_guest_that_crashes"],
    },
    Behaviour {
        number: 36,
        does: "random bytes without end, asking for the time without end",
        comes_of_it: "incomplete",
        held_by: &[
            "host/connectors/tests/hostile/bounds.rs::more_random_bytes_than_there_are",
            "host/connectors/tests/hostile/bounds.rs::asking_for_the_time_for_ever",
        ],
    },
    Behaviour {
        number: 37,
        does: "two at once, one of which is cut off",
        comes_of_it: "the other one is served",
        held_by: &[
            "host/connectors/tests/hostile/guests.rs::one_that_is_cut_off_beside_one_that_is_read",
            "host/connectors/tests/hostile/guests.rs::a_call_that_nobody_waits_for_is_cut_off",
        ],
    },
    Behaviour {
        number: 38,
        does: "a function of the host that panics",
        comes_of_it: "permanent: this reading fails, and nothing else",
        held_by: &["host/connectors/tests/hostile/bounds.rs::a_host_function_that_breaks_breaks_nobody_else"],
    },
    Behaviour {
        number: 39,
        does: "filling or reading another's store",
        comes_of_it: "there is no store; the token is all that is kept, of 64 KiB",
        held_by: &["host/connectors/tests/hostile/guests.rs::a_guest_that_hands_over_nonsense"],
    },
    Behaviour {
        number: 40,
        does: "being called again after a crash",
        comes_of_it: "never happens: what broke is thrown away",
        held_by: &["host/connectors/tests/hostile/trial.rs::fails"],
    },
];
