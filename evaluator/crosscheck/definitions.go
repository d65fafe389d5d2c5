package main

// definitions are what is written out, by family.
var definitions = map[string]*definition{
	"classes":  define(drawClasses, wantClasses),
	"binary":   define(drawBinary, wantBinary),
	"multi":    define(drawMulti, wantMulti),
	"numbers":  define(drawNumbers, wantNumbers),
	"positive": define(drawPositive, wantPositive),
	"bounds":   define(drawBounds, wantBounds),
}
