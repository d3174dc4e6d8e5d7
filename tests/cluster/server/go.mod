module mlctl/tests/cluster/server

go 1.26.0
