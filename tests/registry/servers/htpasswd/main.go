// htpasswd USER: reads a password from standard input, prints a line for a registry's file of passwords.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"

	"golang.org/x/crypto/bcrypt"
)

func main() {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Scan()
	hash, err := bcrypt.GenerateFromPassword(scanner.Bytes(), bcrypt.MinCost)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s:%s\n", os.Args[1], hash)
}
