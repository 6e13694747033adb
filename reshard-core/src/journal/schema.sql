-- A plan, its journal and its controls. `user_version` is the version of this schema.
create table document (name text primary key, json text not null) strict;
create table phase (name text primary key, json text not null) strict;
create table fact (name text primary key, json text not null) strict;
create table log (number integer primary key autoincrement, json text not null) strict;
