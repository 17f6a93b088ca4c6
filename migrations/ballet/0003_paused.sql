-- That a person has paused the service: none of its processes takes messages until somebody resumes it.
create table ballet.paused (
    only_one boolean not null default true,
    paused_by text not null,
    why text not null,
    paused_at timestamptz not null,
    constraint paused_pkey primary key (only_one),
    constraint paused_only_one check (only_one)
);
