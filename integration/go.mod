module github.com/ringlog/ringlog/integration

go 1.26.0

replace github.com/ringlog/ringlog => ../
