// Package page tests the page at / in a headless Chromium, as a person uses it: by keys and clicks,
// and by what is seen. With SCREENSHOTS=DIR it leaves pictures there (make screenshots).
package page
