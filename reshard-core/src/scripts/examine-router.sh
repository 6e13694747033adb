read_instances || return
describe
